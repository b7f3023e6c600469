<?php
// php wordpress.php WORDPRESS ADDRESS: the HTML that WordPress's RSS block makes of the feed at an address.
// WordPress itself wants a data base: here only what the block uses is loaded, and settings are WordPress's own defaults.
error_reporting(E_ALL & ~E_DEPRECATED);
ini_set('display_errors', 'stderr');
define('ABSPATH', $argv[1] . '/');
define('WPINC', 'wp-includes');

foreach (['plugin', 'formatting', 'kses', 'class-simplepie', 'class-wp-simplepie-sanitize-kses', 'blocks/rss'] as $part) {
    require ABSPATH . WPINC . "/$part.php";
}

function get_option($name) {
    return ['blog_charset' => 'UTF-8', 'c' => 'c', 'date_format' => 'Y-m-d'][$name] ?? '';
}
function __($text) { return $text; }
function _x($text) { return $text; }
function is_utf8_charset() { return true; }
function wp_load_alloptions() { return []; }
function site_url() { return 'https://elsewhere.example'; }
function home_url() { return 'https://elsewhere.example'; }
function is_wp_error($it) { return false; }
function date_i18n($format, $at) { return gmdate($format, $at); }
function get_block_wrapper_attributes() { return ''; }
function register_block_type_from_metadata() {}
function wp_allowed_protocols() { return ['http', 'https']; }

function fetch_feed($address) { // as wp-includes/feed.php, but for the cache and the client
    $feed = new SimplePie();
    $feed->set_sanitize_class('WP_SimplePie_Sanitize_KSES');
    $feed->sanitize = new WP_SimplePie_Sanitize_KSES();
    $feed->enable_cache(false);
    $feed->set_feed_url($address);
    $feed->init();
    $feed->set_output_encoding('UTF-8');
    if ($feed->error()) {
        throw new Exception($feed->error());
    }
    return $feed;
}

echo render_block_core_rss([
    'feedURL' => $argv[2],
    'itemsToShow' => 20,
    'displayDate' => true,
    'displayAuthor' => true,
    'displayExcerpt' => true,
    'excerptLength' => 55,
    'blockLayout' => 'list',
]);
