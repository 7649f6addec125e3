"""Sites at work: a supervised task for each, fed with news from stations, and what people ask of them."""

from csms.sites.asked import NewCap, NewReading, SiteDocument
from csms.sites.hub import Sites, SitesOptions

__all__ = ["NewCap", "NewReading", "SiteDocument", "Sites", "SitesOptions"]
