"""`make run`: a gate to try on any machine, and the SMTP server behind it when there is no qmail-smtpd."""
