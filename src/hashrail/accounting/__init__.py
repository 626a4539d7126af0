"""For accountants: the books as they read them, invoices, statements, and what the pool has paid in."""
