"""What the system does when a station speaks: plain functions from state and event to answer and records."""
