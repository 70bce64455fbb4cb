<?php
/*
 * Must-use plugin: tells the proxy before WordPress what an edit or a comment changes. Copy it to wp-content/mu-plugins/ and set in
 * wp-config.php:  define('DAVENPORT_ADDRESS', 'http://127.0.0.1:80');
 */
function davenport_purge($post_id) {
    $post = get_post($post_id);
    if (!defined('DAVENPORT_ADDRESS') || !$post || $post->post_status !== 'publish' || wp_is_post_revision($post_id)) return;
    $host = parse_url(home_url(), PHP_URL_HOST);
    foreach (array(get_permalink($post_id), home_url('/')) as $url) {
        $path = parse_url($url, PHP_URL_PATH) ?: '/';
        wp_remote_request(DAVENPORT_ADDRESS . $path, array('method' => 'PURGE', 'headers' => array('Host' => $host), 'timeout' => 5));
    }
    // Lists of posts, feeds and archives: all below them.
    foreach (array('/page/', '/feed/', '/category/') as $below) {
        wp_remote_request(DAVENPORT_ADDRESS . $below . '.*', array('method' => 'PURGE', 'headers' => array('Host' => $host, 'X-Purge-Method' => 'regex'), 'timeout' => 5));
    }
}
add_action('save_post', 'davenport_purge', 99);
add_action('wp_insert_comment', function ($id, $comment) { davenport_purge($comment->comment_post_ID); }, 99, 2);
add_action('transition_comment_status', function ($new, $old, $comment) { davenport_purge($comment->comment_post_ID); }, 99, 3);
