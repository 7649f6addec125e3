"""What HTTP reads back: commands in pages, answers that were kept, and logins that are over."""

from __future__ import annotations

from csms.domain.commands import CommandState
from csms.domain.records import AnswerForgotten, AnswerKept, SessionEnded
from csms.storage import SqliteStorage
from csms.storage.retention import DAY_US
from tests.csms.storage.engines import NOW_US, SqliteEngine
from tests.csms.storage.some_records import COMMAND, EVENT, but

ANSWER = AnswerKept("key", b"digest", NOW_US, 201, b'[["location","/thing"]]', b"{}")


def test_a_command_is_found_in_its_newest_state_and_without_its_secrets(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> None:
        await storage.write(but(COMMAND, request=b'{"idTag":"04A2B3C4"}', warning="odd"))
        await storage.write(but(COMMAND, request=b'{"idTag":"04A2B3C4"}', state="sent", warning="odd"))
        found = await storage.find_command(COMMAND.id)
        assert found is not None
        assert (found.state, found.request, found.warning) == (CommandState.SENT, b'{"idTag":"***"}', "odd")
        assert await storage.find_command("none") is None

    engine.tell(story)


def test_commands_of_one_moment_are_listed_once_each(engine: SqliteEngine):
    made = [but(COMMAND, id=f"c{number}", created_at_us=number // 2) for number in range(7)]
    of_another = but(COMMAND, id="d", station_id="CP-2")

    async def story(storage: SqliteStorage) -> None:
        await storage.write(*made, of_another)
        listed: list[str] = []
        before = None
        while page := await storage.commands_of(COMMAND.station_id, before=before, limit=3):
            listed += [command.id for command in page]
            before = (page[-1].created_at_us, page[-1].id)
        assert listed == ["c6", "c5", "c4", "c3", "c2", "c1", "c0"]

    engine.tell(story)


def test_an_answer_is_kept_over_a_restart_until_it_is_forgotten(engine: SqliteEngine):
    engine.write(but(ANSWER, status=0, body=b""), ANSWER)

    async def story(storage: SqliteStorage) -> None:
        assert await storage.find_answer("key") == ANSWER
        assert await storage.find_answer("another") is None
        await storage.write(AnswerForgotten("key"))
        assert await storage.find_answer("key") is None

    engine.tell(story)


def test_answers_of_yesterday_are_deleted(engine: SqliteEngine):
    async def story(storage: SqliteStorage) -> bool:
        for _ in range(50):
            await storage.write(EVENT)
            if await storage.find_answer("old") is None:
                return await storage.find_answer("key") == ANSWER
        return False

    engine.write(but(ANSWER, key="old", at_us=NOW_US - DAY_US - 1), ANSWER, serving=False)
    assert engine.tell(story)


def test_a_login_that_was_ended_stays_so_until_it_would_be_over(engine: SqliteEngine):
    engine.write(SessionEnded("a", NOW_US + 5, NOW_US), SessionEnded("a", NOW_US + 5, NOW_US))

    async def story(storage: SqliteStorage) -> None:
        assert await storage.ended_sessions() == {"a": NOW_US + 5}
        await storage.write(SessionEnded("b", NOW_US + 9, NOW_US + 5))
        assert await storage.ended_sessions() == {"b": NOW_US + 9}

    engine.tell(story)
