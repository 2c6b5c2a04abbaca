"""Sample CRM: customers, orders and tickets of an invented office-furniture shop, in SQLite."""
