"""The jobs of a mapping as SQL: parts about one row, and the subqueries that consist of them."""
