"""Stations, vehicles and meters that are independent of the server they test; they never import it."""
