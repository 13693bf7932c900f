"""The report: verdicts, a section a paper and the audit, on one page and in Markdown."""
