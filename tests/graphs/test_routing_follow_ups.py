"""Follow-ups in a thread go on from the request before, with its results and its label."""

from __future__ import annotations

from pathlib import Path

from tests.graphs.clerks import INVOICES, MAIL, OFFICE, UNSURE, clerk, office
from tests.graphs.driver import Driver, Told

SECRET = clerk("invoices", INVOICES, data="regulated", summary="Shows invoices.")


async def follows_of(driver: Driver, told: Told) -> str:
    route = await driver.services.ledger.runs.route(told.answer["run"])
    assert route is not None
    return str(route["follows"])


async def test_a_follow_up_goes_to_who_had_the_request_with_its_words(tmp_path: Path) -> None:
    async with office(tmp_path) as (driver, brain):
        first = await driver.ask("Is invoice 7 paid?")
        second = await driver.ask("what about 8?")
        assert await follows_of(driver, second) == first.answer["run"]
        who, objective, _ = brain.worked[1]
        assert who == "invoices"
        assert objective.splitlines()[0] == "what about 8?"
        assert objective.splitlines()[-1] == "> Is invoice 7 paid?"
        third = await driver.ask("and 9?")
        assert await follows_of(driver, third) == second.answer["run"]
        assert brain.worked[2][1].splitlines()[-2:] == ["> what about 8?", "> Is invoice 7 paid?"]


async def test_a_new_action_gets_the_earlier_results_as_if_it_needed_them(tmp_path: Path) -> None:
    async with office(tmp_path) as (driver, brain):
        first = await driver.ask("Is invoice 7 paid?")
        second = await driver.ask("and mail it to her")
        assert second.answer["status"] == "done", second.message
        who, objective, inputs = brain.worked[1]
        assert (who, objective) == ("mail", "and mail it to her")
        assert inputs == {
            "upstream": {
                "earlier-d1": {
                    "request": "Is invoice 7 paid?",
                    "outputs": first.answer["outcomes"][0]["outputs"],
                }
            }
        }
        third = await driver.ask("also mail it to bob@example.com")
        assert third.answer["status"] == "done", third.message
        assert brain.worked[2][0] == "mail"
        assert set(brain.worked[2][2]["upstream"]) == {"earlier-before-d1", "earlier-d1"}


async def test_a_request_that_says_nothing_of_the_one_before_is_new(tmp_path: Path) -> None:
    async with office(tmp_path) as (driver, brain):
        await driver.ask("Is invoice 7 paid?")
        told = await driver.ask("Show invoice 12")
        assert await follows_of(driver, told) == ""
        assert brain.worked[1] == ("invoices", "Show invoice 12", {})


async def test_an_unsure_follow_up_is_put_to_the_model_with_what_it_goes_on_from(
    tmp_path: Path,
) -> None:
    said = {"specialist": "mail", "reason": "It is to be sent."}
    unclear = clerk("letters", [one.replace("mail", "letter") for one in MAIL], upstream=True)
    async with office(tmp_path, *OFFICE, unclear, choose=lambda _: said) as (driver, brain):
        first = await driver.ask("Is invoice 7 paid?")
        told = await driver.ask("forward it by e-letter")
        route = await driver.services.ledger.runs.route(told.answer["run"])
        assert route is not None
        assert route["follows"] == first.answer["run"]
        if route["stage"] == "model":
            assert "> Is invoice 7 paid?" in brain.routed[0].last.text
        assert "upstream" in brain.worked[1][2]


async def test_nobody_goes_on_from_the_request_of_another_user_or_tenant(tmp_path: Path) -> None:
    async with office(tmp_path) as (driver, brain):
        await driver.ask("Is invoice 7 paid?", user="ann", tenant="acme")
        others = (("bob", "acme"), ("ann", "other"))
        for number, (user, tenant) in enumerate(others, start=1):
            told = await driver.ask("and mail it to her", user=user, tenant=tenant)
            assert await follows_of(driver, told) == ""
            assert "Is invoice 7" not in str(brain.worked[number])


async def test_a_thread_of_another_name_knows_nothing_of_it(tmp_path: Path) -> None:
    async with office(tmp_path) as (driver, _):
        await driver.ask("Is invoice 7 paid?", thread="one")
        told = await driver.ask("what about 8?", thread="two")
        assert await follows_of(driver, told) == ""


async def test_the_label_of_the_run_before_carries_over(tmp_path: Path) -> None:
    async with office(tmp_path, *OFFICE[:2], SECRET, *OFFICE[3:]) as (driver, brain):
        # The scripted deployments are cleared for internal data only.
        refused = await driver.ask("Is invoice 7 paid?")
        labels = driver.services.ledger.runs
        assert (await labels.label(refused.answer["run"])).value == "regulated"
        told = await driver.ask("what about 8?")
        assert (await labels.label(told.answer["run"])).value == "regulated"
        other = await driver.ask("@mail pass it on to her")
        assert (await labels.label(other.answer["run"])).value == "regulated"
        new = await driver.ask("Send an e-mail to anna@example.com")
        assert (await labels.label(new.answer["run"])).value == "internal"
        assert [who for who, _, _ in brain.worked] == ["mail"]


async def test_a_new_action_on_a_request_without_result_is_not_started(tmp_path: Path) -> None:
    async with office(tmp_path, *OFFICE[:2], SECRET, *OFFICE[3:]) as (driver, brain):
        failed = await driver.ask("Is invoice 7 paid?")
        assert failed.answer["status"] == "failed"
        told = await driver.ask("and mail it to her")
        assert told.answer["status"] == "failed"
        assert f"Not started: it needs the result of {failed.answer['run']}" in told.message
        assert brain.worked == []


async def test_a_declined_request_ends_what_was_before_it(tmp_path: Path) -> None:
    said = {"specialist": "none", "reason": "Nobody."}
    async with office(tmp_path, *OFFICE[:4], choose=lambda _: said) as (driver, _):
        await driver.ask("Is invoice 7 paid?")
        declined = await driver.ask(UNSURE)
        assert declined.answer["status"] == "declined"
        assert await follows_of(driver, await driver.ask("what about invoice 8?")) == ""


async def test_a_request_that_could_not_be_read_changes_nothing(tmp_path: Path) -> None:
    async with office(tmp_path) as (driver, _):
        first = await driver.ask("Is invoice 7 paid?")
        assert (await driver.ask("   ")).answer["status"] == "rejected"
        assert (await driver.ask("@nobody hello")).answer["status"] == "rejected"
        told = await driver.ask("what about 8?")
        assert await follows_of(driver, told) == first.answer["run"]
