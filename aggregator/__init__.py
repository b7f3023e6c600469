"""Tributary merges the feeds of a region into one river of news per category. The way of an item:

    opml        feeds.opml ↔ Source
    poll        when to ask a source, and what an answer means for the next time
    fetch       one conditional request → Fetched, NotModified, Gone or FetchFailed
    parse       bytes → ParsedFeed with Entries, as published
    clean       Entry → Item: safe HTML, plain titles and leads, canonical link, labels
    classify    Item → its categories, and the rule that gave each
    stories     Items of a poll → Decisions: new, changed or the same, and of which story
    store       Updates in, one transaction each; Stories out
    publish     Stories of a feed's log → Atom, RSS and JSON Feed as bytes
    websub      a form → what a subscriber wants of our hub; a document → what is sent with it

Around it:

    pipeline    calls the stages in order, on the way in
    publishing  calls them on the way out: log | select | render
    pushing     sends what is owed to subscribers, or tells an outside hub: owed | render | deliver | what came of it
    catalogue   which feeds there are, and what people call them
    documents   the part of it that a round of 304s does without
    digest      the part of that from bytes to items
    reading     has a worker do so
    gathering   stories of one event found, once they are stored
    receiving   what hubs have pushed, on the same way as what was fetched
    review      texts of the last days looked at again, with all that has come since
    desk        what editors do: accounts, edits of the list, and their undoing
    health      what is the matter with a source: silent, frozen, moved, its certificate ending
    workers     processes that can be killed, where parse, clean and classify run
    httpclient  the one outgoing HTTP client, guarded at connect time
    batches     values that are written together
    memory      what is free is given back to the system
    lanes       turns, by host, by source and in all: who is slow delays no other
    writing     the thread that writes, and waits for a disk that is full
    words       text → terms, for the search index and its queries
    spelling    a word that finds nothing → the one that is meant
    rules       what the editors' rules and corrections make of an item
    marking     a shown text → pieces, those marked that were searched for
    model       the values that flow
    config      the settings
    errors      what can go wrong, by name
    cli         the `tributary` command
    demo        a made-up region with twelve outlets
"""
