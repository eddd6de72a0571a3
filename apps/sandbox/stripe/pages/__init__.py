"""Pages for people: Checkout, 3-D Secure, the portal, invoices, and the console of a developer."""
