"""What the section stock is made of: a ledger, a marketplace with reminders in the loop, demand and speed."""
