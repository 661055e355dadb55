"""The pages that mails lead to: what was told (/n/) and how to stop it (/u/). An app of its own."""
