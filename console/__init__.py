"""The console that ops teams keep open: what ran today, who was told what and why, and each mail as it was received.

It reads the state DB, the mailbox folder and the Data Docs, and changes nothing on a GET.
"""
