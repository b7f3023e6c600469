"""Who gets to the desk, and who does not."""

import logging
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from aggregator.desk import accounts
from aggregator.errors import DeskError, StoreError
from aggregator.model import ActionKind, Role
from tests.desk_forms import visit
from tests.desk_world import PASSWORD, Desk, a_desk
from web.desk import gate

EVERYBODY = {"desk.log_in", "desk.health_feed"}  # the latter to those who know its address
ADMINS = {"desk.editors", "desk.add_editor", "desk.change_editor"}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return a_desk(tmp_path)


def routes(desk: Desk) -> dict[str, list[tuple[str, str]]]:
    """Method and path of every route of the desk, by endpoint."""
    found: dict[str, list[tuple[str, str]]] = {}
    for rule in desk.app.url_map.iter_rules():
        if rule.endpoint.startswith("desk."):
            values = dict.fromkeys(rule.arguments, "1")
            path = desk.app.url_map.bind("").build(rule.endpoint, values, method=next(iter(rule.methods or ())))
            found.setdefault(rule.endpoint, []).extend(
                (method, path) for method in sorted(rule.methods or ()) if method in {"GET", "POST"}
            )
    return found


def test_every_route_says_who_may_use_it(desk: Desk) -> None:
    said = {name: view.__dict__.get("needs", "nobody") for name, view in desk.app.view_functions.items()}
    of_desk = {name: role for name, role in said.items() if name.startswith("desk.")}
    assert "nobody" not in of_desk.values()
    assert {name for name, role in of_desk.items() if role is None} == EVERYBODY
    assert {name for name, role in of_desk.items() if role is Role.ADMIN} == ADMINS


def test_a_stranger_sees_the_login_and_nothing_else(desk: Desk) -> None:
    stranger = desk.stranger()
    for endpoint, asked in routes(desk).items():
        for method, path in asked:
            response = stranger.client.open(path, method=method, headers={"Accept-Language": "en"})
            if endpoint in EVERYBODY:
                assert response.status_code in (200, 400, 404) and b"Comtois" not in response.data
            elif method == "GET":
                assert response.status_code == 303 and response.headers["Location"].startswith("/desk/login")
                assert b"Comtois" not in response.data
            else:
                assert response.status_code == 403 and b"Nobody is logged in here any more" in response.data


def test_an_editor_is_kept_from_what_admins_do(desk: Desk) -> None:
    editor, admin = desk.editor(), desk.editor("Marc", Role.ADMIN)
    for endpoint in ADMINS:
        for method, path in routes(desk)[endpoint]:
            token = editor.token()
            form = {"csrf": token} if method == "POST" else None
            response = editor.client.open(path, method=method, data=form, headers={"Accept-Language": "en"})
            assert response.status_code == 403, path
            page = response.get_data(as_text=True)
            assert "Only an admin may do this." in page and 'class="desk"' in page, path
    assert "Jeanne" in admin.get("/desk/editors")


@pytest.mark.parametrize("sent", [{}, {"csrf": ""}, {"csrf": "x" * 43}, {"csrf": "é"}])
def test_a_form_without_the_token_of_the_login_changes_nothing(desk: Desk, sent: dict[str, str]) -> None:
    editor = desk.editor("Marc", Role.ADMIN)
    for endpoint, asked in routes(desk).items():
        for method, path in asked:
            if method == "POST" and endpoint not in EVERYBODY:
                assert editor.client.post(path, data=sent).status_code == 403, path


def test_a_form_from_another_site_changes_nothing_even_with_the_token(desk: Desk) -> None:
    editor = desk.editor()
    token = editor.token()
    response = editor.client.post("/desk/logout", data={"csrf": token}, headers={"Sec-Fetch-Site": "cross-site"})
    assert response.status_code == 403
    editor.get("/desk/")


def test_the_login_itself_wants_the_form_that_this_browser_was_given(desk: Desk) -> None:
    accounts.add(desk.store, "Jeanne", Role.EDITOR, PASSWORD, desk.now)
    other = desk.stranger().token("/desk/login")
    thief = desk.stranger()
    form = {"csrf": other, "name": "Jeanne", "password": PASSWORD}
    assert thief.client.post("/desk/login", data=form).status_code == 400
    thief.get("/desk/login")
    assert thief.client.post("/desk/login", data=form).status_code == 400


def test_the_login_may_be_open_twice_in_one_browser(desk: Desk) -> None:
    accounts.add(desk.store, "Jeanne", Role.EDITOR, PASSWORD, desk.now)
    browser = desk.stranger()
    first = browser.token("/desk/login")
    browser.get("/desk/login")
    form = {"csrf": first, "name": "Jeanne", "password": PASSWORD}
    assert browser.client.post("/desk/login", data=form).status_code == 303


def test_a_login_gets_a_token_of_its_own_whatever_the_browser_held_before(desk: Desk) -> None:
    accounts.add(desk.store, "Jeanne", Role.EDITOR, PASSWORD, desk.now)
    browser = desk.stranger()
    browser.client.set_cookie(gate.COOKIE, "chosen-by-somebody", path="/desk")
    browser.log_in("Jeanne")
    first = browser.client.get_cookie(gate.COOKIE, path="/desk")
    assert first and first.value != "chosen-by-somebody" and first.http_only and first.same_site == "Lax"
    browser.post("/desk/logout")
    browser.log_in("jeanne")  # in any case of letters
    second = browser.client.get_cookie(gate.COOKIE, path="/desk")
    assert second and second.value != first.value
    browser.client.set_cookie(gate.COOKIE, first.value, path="/desk")
    browser.get("/desk/", status=303)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_cookie_goes_over_https_alone_where_the_site_does(tmp_path: Path, scheme: str) -> None:
    stranger = a_desk(tmp_path, base_url=f"{scheme}://news.example").stranger()
    assert ("Secure" in stranger.client.get("/desk/login").headers["Set-Cookie"]) is (scheme == "https")


def test_a_login_ends_after_twelve_idle_hours_and_after_thirty_days(desk: Desk) -> None:
    browser = desk.editor()
    for _ in range(59):
        desk.now += timedelta(hours=11, minutes=59)
        browser.get("/desk/")
    desk.now += timedelta(hours=25)
    browser.get("/desk/", status=303)
    browser = desk.editor()
    desk.now += timedelta(hours=12, minutes=1)
    browser.get("/desk/", status=303)
    browser = desk.editor()
    began = desk.now
    while desk.now - began < timedelta(days=30) - timedelta(hours=11):
        desk.now += timedelta(hours=11)
        browser.get("/desk/")
    desk.now = began + timedelta(days=30, minutes=1)
    browser.get("/desk/", status=303)


def test_ten_wrong_passwords_close_a_name_for_a_quarter_of_an_hour_to_everybody(desk: Desk) -> None:
    accounts.add(desk.store, "Jeanne", Role.EDITOR, PASSWORD, desk.now)
    for _ in range(accounts.FAILURES_OF_NAME):
        assert desk.stranger().log_in("JEANNE", "wrong password").status_code == 403
    assert desk.stranger().log_in("Jeanne").status_code == 429
    desk.now += timedelta(minutes=16)
    assert desk.stranger().log_in("Jeanne").status_code == 303


def test_thirty_failures_close_an_address_whatever_the_names(tmp_path: Path) -> None:
    desk = a_desk(tmp_path, behind_proxy=True)
    accounts.add(desk.store, "Jeanne", Role.EDITOR, PASSWORD, desk.now)

    def log_in(name: str, address: str) -> int:
        browser = desk.stranger()
        form = {"csrf": browser.token("/desk/login"), "name": name, "password": PASSWORD}
        forwarded = {"X-Forwarded-For": f"10.1.1.1, {address}"}
        return browser.client.post("/desk/login", data=form, headers=forwarded).status_code

    for number in range(accounts.FAILURES_OF_ADDRESS):
        assert log_in(f"nobody{number}", "192.0.2.7") == 403
    assert log_in("Jeanne", "192.0.2.7") == 429
    assert log_in("Jeanne", "192.0.2.8") == 303


def test_what_a_stranger_types_is_in_no_log_line_of_its_own(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    desk.stranger().log_in("x\r\n2026 CRITICAL forged\x1b[2J", "s3cret-typed-here")
    (line,) = [record.getMessage() for record in caplog.records if "login failed" in record.getMessage()]
    assert line.isprintable() and "s3cret" not in caplog.text


@pytest.mark.parametrize(
    "then",
    [
        "https://evil.example/", "//evil.example", "/\\evil.example", "/desk/..//evil.example", "/desk\\@evil", "javascript:alert(1)",
        "/desk/history\r\nSet-Cookie: a=b", "/sources", "/deskevil",
    ],
)  # fmt: skip
def test_nobody_is_led_away_after_the_login(desk: Desk, then: str) -> None:
    accounts.add(desk.store, "Jeanne", Role.EDITOR, PASSWORD, desk.now)
    assert desk.stranger().log_in("Jeanne", then=then).headers["Location"] == "/desk/"


def test_a_login_leads_on_to_what_was_asked_for(desk: Desk) -> None:
    accounts.add(desk.store, "Jeanne", Role.EDITOR, PASSWORD, desk.now)
    browser = desk.stranger()
    asked = browser.client.get("/desk/history?lang=fr").headers["Location"]
    assert asked == "/desk/login?then=/desk/history?lang%3Dfr&lang=fr"
    assert browser.log_in("Jeanne", then="/desk/history?lang=fr").headers["Location"] == "/desk/history?lang=fr"


def test_a_page_of_the_desk_is_kept_by_nobody(desk: Desk) -> None:
    response = desk.editor().client.get("/desk/")
    assert response.headers["Cache-Control"] == "no-store"
    assert "noindex" in response.headers["X-Robots-Tag"]
    assert response.headers["X-Frame-Options"] == "DENY"
    assert "unsafe-inline" not in response.headers["Content-Security-Policy"]


def test_readers_get_no_cookie(desk: Desk) -> None:
    client = desk.app.test_client()
    assert not [path for path in ("/", "/sources", "/search", "/status") if "Set-Cookie" in client.get(path).headers]


def test_an_admin_lets_somebody_in_gives_another_role_and_closes_the_account(desk: Desk) -> None:
    admin = desk.editor("Marc", Role.ADMIN)
    admin.post("/desk/editors", name="Jeanne", password=PASSWORD, role="editor")
    jeanne = desk.editor("Jeanne")
    (number,) = [each.id for each in desk.store.editors() if each.name == "Jeanne"]
    jeanne.get("/desk/editors", status=403)
    admin.post(f"/desk/editors/{number}", role="admin")
    jeanne.get("/desk/editors")
    closed = admin.post(f"/desk/editors/{number}", close="1").headers["Location"]
    assert "Jeanne is logged out everywhere and may not log in any more." in admin.get(closed)
    jeanne.get("/desk/", status=303)
    assert jeanne.log_in("Jeanne").status_code == 403
    admin.post(f"/desk/editors/{number}", open="1")
    assert jeanne.log_in("Jeanne").status_code == 303
    page = visit(admin, "/desk/editors")
    assert "It logs Jeanne out everywhere" in page.text and "It logs Marc out" not in page.text
    given = page.send(f"/desk/editors/{number}", number=1, password="quite another")
    assert "Jeanne has a new password and is logged out everywhere." in admin.get(given.place)
    jeanne.get("/desk/", status=303)
    assert jeanne.log_in("Jeanne", "quite another").status_code == 303


def test_what_admins_do_to_accounts_is_in_the_history_and_not_undone_there(desk: Desk) -> None:
    admin = desk.editor("Marc", Role.ADMIN)
    admin.post("/desk/editors", name=" Paul  Petit ", role="editor", password=PASSWORD)
    paul = next(each.id for each in desk.store.editors() if each.name == "Paul Petit")
    for form in ({"role": "admin"}, {"close": "1"}, {"open": "1"}, {"password": PASSWORD * 2}):
        admin.post(f"/desk/editors/{paul}", **form)
    page = admin.get("/desk/history")
    for said in (
        "Let Paul Petit in: edit.", "Let Paul Petit do other things: edit, and let editors in.", "Closed the account of Paul Petit.",
        "Opened the account of Paul Petit again.", "Gave Paul Petit another password.",
    ):  # fmt: skip
        assert said in page
    number = next(each.id for each in desk.store.actions() if each.kind is ActionKind.ACCOUNT)
    refused = admin.post(f"/desk/history/action/{number}")
    assert refused.status_code == 409 and "Accounts are changed by admins" in refused.get_data(as_text=True)


def test_nobody_closes_their_own_account_or_takes_their_own_role(desk: Desk) -> None:
    admin = desk.editor("Marc", Role.ADMIN)
    (number,) = [each.id for each in desk.store.editors()]
    assert admin.post(f"/desk/editors/{number}", close="1").status_code == 400
    assert admin.post(f"/desk/editors/{number}", role="editor").status_code == 400
    assert admin.post("/desk/editors/99", close="1").status_code == 404
    assert admin.post(f"/desk/editors/{number}").status_code == 400
    assert admin.post(f"/desk/editors/{number}", password="short").status_code == 400
    assert admin.post("/desk/editors", name="Jeanne", password="short").status_code == 400
    assert admin.post("/desk/editors", name="Jeanne", password=PASSWORD, role="king").status_code == 400
    assert [each.name for each in desk.store.editors()] == ["Marc"]


def test_an_editor_changes_their_password_and_is_logged_out_everywhere(desk: Desk) -> None:
    here, there = desk.editor(), desk.editor()
    form = {"old": PASSWORD, "new": "battery staple", "again": "battery staple"}
    assert here.post("/desk/me", **{**form, "old": "wrong"}).status_code == 400
    assert here.post("/desk/me", **{**form, "again": "battery"}).status_code == 400
    assert here.post("/desk/me", **{**form, "new": "short", "again": "short"}).status_code == 400
    changed = here.post("/desk/me", **form)
    assert changed.status_code == 303
    assert "Your password was changed. Log in with the new one." in here.get(changed.headers["Location"])
    there.get("/desk/", status=303)
    assert here.log_in("Jeanne").status_code == 403
    assert here.log_in("Jeanne", "battery staple").status_code == 303


def test_a_hash_that_is_renewed_logs_nobody_out_and_a_new_password_does(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, old = desk.editor(), desk.store.password_of("Jeanne")
    monkeypatch.setattr(accounts, "hasher", PasswordHasher(time_cost=2, memory_cost=8, parallelism=1))
    second, new = desk.editor(), desk.store.password_of("Jeanne")
    assert old and new and "t=1," in old[1] and "t=2," in new[1]
    first.get("/desk/")
    second.get("/desk/")
    accounts.change_password(desk.store, new[0], PASSWORD, "another password", desk.now)
    first.get("/desk/", status=303)
    second.get("/desk/", status=303)
    desk.store.rehash(new[0].id, new[1], old[1])  # by a login that began before
    assert desk.stranger().log_in("Jeanne").status_code == 403
    assert desk.stranger().log_in("Jeanne", "another password").status_code == 303


def test_passwords_are_kept_as_argon2_makes_them_and_tokens_as_hashes(desk: Desk) -> None:
    browser = desk.editor()
    accounts.hasher = PasswordHasher()  # as it is delivered
    assert browser.post("/desk/logout").status_code == 303 and browser.log_in("Jeanne").status_code == 303
    cookie = browser.client.get_cookie(gate.COOKIE, path="/desk")
    found = desk.store.password_of("Jeanne")
    assert found and found[1].startswith("$argon2id$v=19$m=65536,t=3,p=4$") and cookie  # made anew at the login
    assert cookie.value.encode() not in Path(desk.settings.database).read_bytes()
    assert PASSWORD.encode() not in Path(desk.settings.database).read_bytes()


@pytest.mark.parametrize("name", ["", "  ", "x" * 61, "a\x00b", "JEANNE"])
def test_a_name_is_readable_and_one_person_s(desk: Desk, name: str) -> None:
    accounts.add(desk.store, "Jeanne", Role.EDITOR, PASSWORD, desk.now)
    with pytest.raises(DeskError):
        accounts.add(desk.store, name, Role.EDITOR, PASSWORD, desk.now)


def test_a_name_is_given_once_by_the_store_too(desk: Desk) -> None:
    desk.store.add_editor("Jeanne", Role.EDITOR, "hash", desk.now)
    with pytest.raises(StoreError, match="'jeanne' is taken"):
        desk.store.add_editor("jeanne", Role.EDITOR, "hash", desk.now)


def test_a_large_form_is_refused_before_it_is_read(desk: Desk) -> None:
    browser = desk.stranger()
    form = {"csrf": browser.token("/desk/login"), "name": "x" * 10_000, "password": "x"}
    assert browser.client.post("/desk/login", data=form).status_code == 413
