"""What the watched application says about itself: fetched, unwrapped, read field by field.

`fetch` is the only module that speaks HTTP (and imports requests), `flight` bounds it in time, `envelope` and
`fields` and `dialects` are pure: bytes in, readings and complaints out.
"""
