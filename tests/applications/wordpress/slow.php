<?php
// The tests' brake and counter: pages for visitors are slow while the file `slow` is there, and each render is counted in a file.
add_action('template_redirect', function () {
    $path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
    file_put_contents(SITE_WORK . '/renders', $path . "\n", FILE_APPEND | LOCK_EX);
    if (is_singular()) get_post()->post_title;       // read before the brake: this is the old page's render
    if (file_exists(SITE_WORK . '/slow')) usleep((int)(1e6 * (float)file_get_contents(SITE_WORK . '/slow')));
});
