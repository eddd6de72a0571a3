"""The sandbox of Midjourney's tasks: grids of four painted pictures, and what can follow from one.

Nothing here talks to Midjourney or imitates its pictures. It is there so that everything around
a task can be tried without an account; every picture says "sandbox" in a corner.
"""
