"""A session in a real browser (headless Chromium): log in, edit a post in the block editor, look at it as a stranger, log out. What was
seen is kept as pictures. Without chromium, chromium-driver and python3-selenium it is left out, and says so."""
import re

from chromium import Browser
from visit import HOST, Visitor, check

SAVE = """
const [title, done] = arguments, editor = wp.data.dispatch('core/editor');
editor.editPost({title});
editor.savePost().then(() => done(wp.data.select('core/editor').didPostSaveRequestSucceed() ? 'saved' : 'not saved'), error => done(String(error)));
"""


def browse(site):
    try:
        browser = Browser("wordpress", f"http://{HOST}", f"MAP {HOST}:80 127.0.0.1:{site.proxy.port}")
    except (ImportError, TypeError) as missing:
        print(f"left out: no browser ({missing})")
        return
    driver = browser.driver
    with browser:
        browser.open("/", "1-visitor")
        browser.open("/wp-login.php")
        browser.fill(user_login="cleo", user_pass="secret")
        driver.find_element("id", "wp-submit").click()
        browser.wait("the dashboard", "document.getElementById('wp-admin-bar-my-account') !== null")
        check("a browser logs in", "/wp-admin" in driver.current_url, driver.current_url)
        page = browser.open("/post-20/", "2-logged-in")
        check("and is greeted by name on a page that others have from the cache", 'class="display-name">cleo<' in page)
        number = re.search(r"postid-(\d+)", page).group(1)
        browser.open(f"/wp-admin/post.php?post={number}&action=edit")
        browser.wait("the block editor", "window.wp && wp.data && wp.data.select('core/editor') && wp.data.select('core/editor').getCurrentPostId() > 0")
        saved = driver.execute_async_script(SAVE, "Written in a browser")
        browser.keep("3-edited")
        check("it edits a post in the block editor", saved == "saved", saved)
        check("which strangers see at once", "Written in a browser</h" in Visitor(site.proxy.port).get("/post-20/").text)
        browser.open("/post-20/", "4-shown")
        driver.get(driver.find_element("css selector", "#wp-admin-bar-logout a").get_attribute("href"))
        page = browser.open("/post-20/", "5-logged-out")
        check("logged out, it is a stranger again", "display-name" not in page and "Written in a browser</h" in page)
        stranger = Visitor(site.proxy.port).get("/post-20/")
        check("whose page comes from the cache", stranger.hit, stranger.fields["Cache-Status"])
