"""Attacks, random arguments, crashes and races: a part in the time of CI, all of them with --large."""
