"""Parking by plate: what a driver registers and allows, and what a car park's system may ask."""
