"""Everybody else: an act, a bookkeeper, somebody of another house; a keyboard and a phone."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.house import House
from tests.browser.season import OVERSOLD, TONIGHT
from tests.browser.visitor import NARROW, PHONE

pytestmark = pytest.mark.browser

_FOCUS = """() => {
    const each = document.activeElement, style = getComputedStyle(each);
    const box = each.getBoundingClientRect();
    return {
        name: (each.getAttribute('aria-label') || each.innerText || each.value || each.id || each.tagName).trim(),
        tag: each.tagName,
        id: each.id,
        seen: style.outlineStyle !== 'none' || style.boxShadow !== 'none',
        inside: box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0,
    };
}"""
_MOST_TABS = 90


def tab_to(page: Page, wanted: str) -> None:
    """Presses Tab until something of that name or id has the focus; on the way each focus is to be seen."""
    passed = []
    for _ in range(_MOST_TABS):
        page.keyboard.press("Tab")
        found = page.evaluate(_FOCUS)
        if found["tag"] == "BODY":
            continue
        assert found["seen"], f"nobody sees that {found} has the focus"
        assert found["inside"], f"{found} has the focus out of sight"
        if re.search(wanted, found["name"]) or found["id"] == wanted:
            return
        passed.append(found["name"][:30])
    raise AssertionError(f"{wanted} is not reached by keyboard; passed {passed}")


def test_the_whole_way_by_keyboard(visit: Visit, house: House) -> None:
    robin = visit()
    robin.go("/")
    page = robin.page
    tab_to(page, "id_login")
    page.keyboard.type(house.email("promoter"))
    tab_to(page, "id_password")
    page.keyboard.type(house.password)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Shows")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    tab_to(page, TONIGHT)
    page.keyboard.press("Enter")
    expect(page).to_have_url(house.url + house.show_path)
    tab_to(page, "^Sync")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/sync/$"))
    tab_to(page, "Webhooks")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/sync/hooks/"))
    tab_to(page, "Laughing Stock Comedy")
    page.keyboard.press("Enter")
    tab_to(page, "^Sign out")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/account/login/"))


def test_on_a_phone(visit: Visit, house: House) -> None:
    robin = visit("promoter", viewport=PHONE, has_touch=True, is_mobile=True, device_scale_factor=2)
    robin.go("/")
    page = robin.page
    assert not robin.no_sideways()
    page.get_by_role("link", name=TONIGHT).first.tap()
    expect(page.get_by_role("heading", level=1)).to_contain_text(TONIGHT)
    assert not robin.no_sideways()
    page.locator("header details.who summary").tap()
    expect(page.get_by_role("button", name="Sign out")).to_be_in_viewport()
    page.locator("header details.who summary").tap()
    for name in ("Invoices", "Sync", "Settings"):
        page.locator("header nav").get_by_role("link", name=name).tap()
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert not robin.no_sideways()
    # The row of links scrolls by itself where it is too long, and shows where one is.
    page.set_viewport_size(NARROW)
    page.reload()
    expect(page.locator("header nav a[aria-current]")).to_be_in_viewport(ratio=1)
    assert not robin.no_sideways()
    wrong = robin.accessible(only=["target-size", "color-contrast", "meta-viewport"])
    assert not wrong, "\n".join(wrong)


def test_an_act_sees_what_is_theirs_and_nothing_of_the_buyers(visit: Visit, house: House) -> None:
    dana = visit("act")
    dana.forgive("40[34]")
    dana.go("/")
    page = dana.page
    expect(page.get_by_role("heading", level=1)).to_have_text("Your shows")
    expect(page.get_by_role("link", name=OVERSOLD)).to_have_count(0)
    page.get_by_role("link", name=TONIGHT).first.click()
    expect(page.locator("dt", has_text="Sold")).to_be_visible()
    assert "gross" not in page.locator("main").inner_text().lower()
    assert dana.go("/invoices/").status == 200
    page.get_by_role("link", name=re.compile("INV-")).first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Invoice")
    other = house.rows("SELECT id::text FROM box_office_show WHERE title = %s", [OVERSOLD])[0][0]
    answers = {
        path: dana.go(path).status
        for path in (
            f"/shows/{other}/",
            f"{house.show_path}lines/",
            "/parties/",
            "/sync/",
            "/settings/audit/",
        )
    }
    assert set(answers.values()) <= {403, 404}, answers


def test_a_bookkeeper_has_the_documents_and_decides_nothing_about_listings(
    visit: Visit, house: House
) -> None:
    bo = visit("bookkeeper")
    bo.forgive("403")
    bo.go(house.show_path)
    expect(bo.page.get_by_role("button", name="Unlink")).to_have_count(0)
    bo.go("/invoices/")
    expect(bo.page.get_by_role("link", name=re.compile("INV-00001")).first).to_be_visible()
    bo.go("/invoices/reports/")
    answer = bo.context.request.get(f"{house.url}/invoices/documents.csv")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "INV-00001" in answer.text()
    assert bo.go("/people/").status == 403


def test_somebody_of_another_house_finds_nothing(visit: Visit, house: House) -> None:
    carol = visit("stranger")
    carol.forgive("404")
    carol.go("/")
    expect(carol.page.get_by_role("heading", level=1)).to_have_text("Shows")
    assert TONIGHT not in carol.page.content()
    for path in (
        house.show_path,
        f"/invoices/{house.ids['document']}/",
        f"/parties/{house.ids['parties']['act']}/",
    ):
        assert carol.go(path).status == 404
        assert not carol.look()


def test_signing_out_elsewhere(visit: Visit, house: House, sessions: dict[str, Any]) -> None:
    """A phone that was lost: its session is ended from another browser, and its page says so."""
    sessions.pop("bookkeeper", None)  # it ends with the others
    lost = visit()
    lost.forgive("401|403|204")
    lost.sign_in("bookkeeper")
    here = visit()
    here.sign_in("bookkeeper")
    here.page.locator("header details.who summary").click()
    here.page.get_by_role("link", name="Where you are signed in").click()
    expect(here.page.get_by_text("this one")).to_be_visible()
    here.page.get_by_role("button", name="Sign out everywhere else").click()
    expect(here.page.locator(".note")).to_contain_text("Signed out everywhere else")
    lost.go("/invoices/")
    expect(lost.page).to_have_url(re.compile("/account/login/"))
    assert here.go("/invoices/").url.endswith("/invoices/")
