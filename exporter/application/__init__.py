"""The application's metrics endpoints: HTTP requests, envelopes, and the fields of each dialect.

`fetch` is the only module that sends HTTP requests (and imports requests), `batch` gives them a deadline. `envelope`,
`dialect`, `endpoints` and `fields` are pure: from bytes to readings and problems.
"""
