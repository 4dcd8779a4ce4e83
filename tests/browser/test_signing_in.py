"""Signing in through the hub's own page, and out again."""

from browser_site import fill_in_login, sign_in


def test_somebody_signs_in_and_returns_to_the_page_they_asked_for(make_page, site):
    page = make_page()
    sign_in(page, site, "alice", "/home/?q=hello")
    assert page.url == f"{site.url}/home/?q=hello"
    assert page.get_by_role("banner").get_by_text("alice").is_visible()


def test_somebody_without_scripts_signs_in_too(make_page, site):
    page = make_page(javascript=False)
    page.goto("home/")
    fill_in_login(page, "alice")
    assert page.url == f"{site.url}/home/"
    assert page.get_by_role("banner").get_by_text("alice").is_visible()


def operation(page, title, button="Execute"):
    """Open an operation of Swagger UI and execute it; returns its answer's text."""
    path = page.locator(f'.opblock-summary-path[data-path="{title}"]')
    block = page.locator(".opblock").filter(has=path).first
    block.locator(".opblock-summary-control, .opblock-summary").first.click()
    block.get_by_role("button", name=button).click()
    body = block.locator(".live-responses-table .response-col_description .microlight").first
    body.wait_for(timeout=60_000)
    return body.inner_text()


def test_swagger_ui_uses_the_session_of_the_pages(make_page, site):
    page = make_page("swagger")
    page.goto("ui/")
    assert '"name": "swagger"' in operation(page, "/user")
    assert "/user/swagger/lab/" in operation(page, "/hello")
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0


def test_swagger_ui_of_somebody_who_is_not_signed_in_has_no_token(make_page, watch):
    watch.allow("^status: 401")
    page = make_page()
    page.goto("ui/")
    assert not page.locator("html").get_attribute("data-xsrf")
    assert "401" in operation(page, "/user")
