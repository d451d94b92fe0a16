"""`adopt`: recognises an outbox in a database, proposes its mapping, and proves it.

Pure but for `catalogue`, which reads the system catalogues, and `evidence` and `proof`, which read the table.
"""
