<?php
// php oembed.php WORDPRESS ADDRESS…: for each address, as one line of JSON, what WordPress finds on the page, the answer
// that it gets, and the HTML that it puts in the place of the address.
// WordPress itself wants a data base: here only what embeds need is loaded, with the filters that WordPress sets.
error_reporting(E_ALL & ~E_DEPRECATED);
ini_set('display_errors', 'stderr');
define('ABSPATH', $argv[1] . '/');
define('WPINC', 'wp-includes');

foreach (['plugin', 'compat', 'formatting', 'kses', 'shortcodes', 'functions', 'class-wp-error', 'class-wp-list-util', 'embed', 'class-wp-oembed'] as $part) {
    require_once ABSPATH . WPINC . "/$part.php";
}

$GLOBALS['content_width'] = 640;
function __($text) { return $text; }
function _x($text) { return $text; }
function home_url() { return 'https://elsewhere.example'; }
function wp_installing() { return false; }
function wp_cache_get() { return ['blog_charset' => 'UTF-8']; } // all options, which it takes to be cached
function is_wp_error($it) { return $it instanceof WP_Error; }
function wp_generate_password() { return 'Ab12Cd34Ef'; }

// In place of its HTTP client, which refuses loopback.
function wp_safe_remote_get($address, $args = []) {
    $text = file_get_contents($address, false, stream_context_create(['http' => ['ignore_errors' => true]]));
    $code = (int) explode(' ', $http_response_header[0])[1];
    return ['body' => substr($text, 0, $args['limit_response_size'] ?? PHP_INT_MAX), 'code' => $code];
}
function wp_remote_retrieve_body($response) { return $response['body']; }
function wp_remote_retrieve_response_code($response) { return $response['code']; }

add_filter('pre_option', function ($value, $name) { return ['blog_charset' => 'UTF-8'][$name] ?? ''; }, 10, 2);
// As wp-includes/default-filters.php does.
add_filter('oembed_dataparse', 'wp_filter_oembed_iframe_title_attribute', 5, 3);
add_filter('oembed_dataparse', 'wp_filter_oembed_result', 10, 3);

foreach (array_slice($argv, 2) as $address) {
    $oembed = _wp_oembed_get_object();
    echo json_encode([
        'provider' => $oembed->discover($address),
        'answer' => $oembed->get_data($address),
        'html' => $oembed->get_html($address),
    ]), "\n";
}
