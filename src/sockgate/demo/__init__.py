"""`make run`: a gate to try on any machine, and an SMTP server for it if there is no qmail-smtpd."""
