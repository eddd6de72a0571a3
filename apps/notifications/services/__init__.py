"""Everything that writes what customers are told: events, mails, notices, and how they are to be told."""
