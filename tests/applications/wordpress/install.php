<?php
// Run once by the tests: installs the site, and fills it with 100 posts and three users.
define('WP_INSTALLING', true);
$_SERVER['HTTP_HOST'] = 'blog.test';
$_SERVER['SERVER_NAME'] = 'blog.test';
$_SERVER['REQUEST_URI'] = '/';
$_SERVER['SERVER_PROTOCOL'] = 'HTTP/1.1';
require $argv[1] . '/wp-load.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';
wp_install('A blog', 'ann', 'ann@blog.test', true, '', 'secret');
foreach (array('bob', 'cleo') as $name) {
    $id = wp_create_user($name, 'secret', "$name@blog.test");
    (new WP_User($id))->set_role('editor');
}
update_option('permalink_structure', '/%postname%/');
update_option('comment_moderation', 0);
update_option('comment_previously_approved', 0);
update_option('require_name_email', 1);
update_option('comments_notify', 0);
update_option('moderation_notify', 0);
update_option('posts_per_page', 100);
for ($n = 1; $n <= 100; $n++) {
    wp_insert_post(array('post_title' => "Post $n", 'post_name' => "post-$n", 'post_status' => 'publish', 'post_author' => 1,
        'post_date' => gmdate('Y-m-d H:i:s', time() - 86400 + 60 * $n),     // in one order, for lists and feeds
        'post_content' => '<img src="/wp-content/uploads/picture.png" alt=""> ' . str_repeat('text ', 200)));
}
flush_rewrite_rules();
