"""Lists come in pages; the cursor leads on, whatever came and went meanwhile."""

from __future__ import annotations

import httpx
import pytest

from csms.http.pages import PageQuery, page_of

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("limit", [None, 1, 99, 1000])
async def test_pages_join_to_the_whole_list(client: httpx.AsyncClient, limit: int | None):
    items: list[str] = []
    asked: dict[str, str | int] = {} if limit is None else {"limit": limit}
    for _ in range(2501):
        page = (await client.get("/numbers", params=asked)).json()
        assert len(page["items"]) <= (limit or 100)
        items += page["items"]
        if page["next_cursor"] is None or (len(items) >= 300 and limit == 1):
            break
        asked["cursor"] = page["next_cursor"]
    assert items == [f"{number:04}" for number in range(len(items))]
    assert len(items) == (300 if limit == 1 else 2500)


def test_the_last_page_has_no_cursor_even_if_it_is_full():
    assert page_of(["a", "b"], PageQuery(limit=2), key=str).next_cursor is None
    assert page_of([], PageQuery(), key=str).next_cursor is None


def test_an_item_that_goes_between_pages_hides_no_other():
    first = page_of(["a", "b", "c"], PageQuery(limit=2), key=str)
    rest = page_of(["a", "c"], PageQuery(cursor=first.next_cursor), key=str)
    assert (list(first.items), list(rest.items)) == (["a", "b"], ["c"])
