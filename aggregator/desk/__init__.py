"""What editors do: takes settings, store and who asks, changes feeds.opml or the store and records it. The pages of
the desk and the commands call it.

- accounts: who may use the desk, and logins          - sources: edits of feeds.opml, and their undoing
- effects: propose, preview, publish, undo            - rules: what the pages of rules and of single items ask
- finding: sources that words or an address mean
- discovery: feeds at a site; reading: what they hold  - known: which of it we have already
- lines: a line of the list as a form has it           - bulk: many lines at once; moving: to another address
- imports: lists of other readers
- judging: how stored items are told once something is changed
- stories: hidden, merged and split; missing: why something is not there
"""
