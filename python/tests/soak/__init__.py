"""The soak test: threads, engines, well- and ill-behaved guests, for as long as one likes.

`python -m soak --seconds 600 --seed 7` in the folder above, or `make soak`.
"""
