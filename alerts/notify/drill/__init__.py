"""The drill: a marked test alert once a week, which shows that each receiver takes alerts."""
