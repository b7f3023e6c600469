<?php
// php simplepie.php WORDPRESS ADDRESS…: what WordPress's SimplePie reads at each address, as JSON, a line for each.
error_reporting(E_ALL & ~E_DEPRECATED);
ini_set('display_errors', 'stderr');
define('ABSPATH', $argv[1] . '/');
define('WPINC', 'wp-includes');
require $argv[1] . '/wp-includes/class-simplepie.php';

function media($item) {
    $found = [];
    foreach ($item->get_enclosures() ?? [] as $each) {
        $found[] = [
            'url' => html_entity_decode($each->get_link() ?? '', ENT_QUOTES),
            'type' => $each->get_type(),
            'length' => $each->get_length(),
        ];
    }
    return $found;
}

foreach (array_slice($argv, 2) as $address) {
    $feed = new SimplePie();
    $feed->enable_cache(false);
    $feed->set_feed_url($address);
    $feed->init();
    $entries = [];
    foreach ($feed->get_items() ?? [] as $item) {
        $author = $item->get_author();
        $categories = array_map(fn($each) => $each->get_label(), $item->get_categories() ?? []);
        $entries[] = [
            'id' => $item->get_id(),
            'title' => html_entity_decode($item->get_title() ?? '', ENT_QUOTES | ENT_HTML5),
            'link' => html_entity_decode($item->get_permalink() ?? '', ENT_QUOTES | ENT_HTML5),
            'published' => (int) $item->get_date('U'),
            'author' => $author ? html_entity_decode($author->get_name() ?? '', ENT_QUOTES | ENT_HTML5) : '',
            'categories' => $categories,
            'media' => media($item),
            'content' => $item->get_content(),
            'source' => $item->get_source() ? html_entity_decode($item->get_source()->get_title() ?? '', ENT_QUOTES | ENT_HTML5) : '',
        ];
    }
    echo json_encode(
        ['error' => $feed->error(), 'title' => html_entity_decode($feed->get_title() ?? '', ENT_QUOTES | ENT_HTML5), 'entries' => $entries],
        JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR
    ), "\n";
}
