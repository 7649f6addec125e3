"""Several who want the news of the gateway."""

from __future__ import annotations

from collections.abc import Sequence

from csms.ports import Feed, News


class FanOut:
    """Implements `csms.ports.Feed` for several."""

    def __init__(self, *feeds: Feed) -> None:
        """Tell `feeds`, one after another."""
        self._feeds = feeds

    def tell(self, news: Sequence[News]) -> None:
        """See `csms.ports.Feed.tell`."""
        for feed in self._feeds:
            feed.tell(news)
