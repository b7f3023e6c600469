# ruby strict.rb ADDRESS…: what Ruby's RSS library reads at each address with its validation on, as JSON, a line for each.
# What is no valid feed stops it.
require "cgi"
require "json"
require "net/http"
require "rss"
Encoding.default_external = Encoding::UTF_8

# What a text construct says (RFC 4287 §3.1.1): one of type html is markup.
def text(construct)
  construct.type == "html" ? CGI.unescapeHTML(construct.content) : construct.content
end

def atom(entry)
  links = entry.links.group_by { |link| link.rel || "alternate" }
  {
    id: entry.id.content,
    title: text(entry.title),
    link: links.fetch("alternate").first.href,
    published: entry.published.content.to_i,
    updated: entry.updated.content.to_i,
    author: entry.authors.map { |each| each.name.content }.join(", "),
    categories: entry.categories.map(&:label),
    media: links.fetch("enclosure", []).map { |link| { url: link.href, type: link.type, length: link.length } },
    content: entry.content.content,
    source: entry.source && text(entry.source.title),
  }
end

def rss(item)
  {
    id: item.guid.content,
    title: item.title,
    link: item.link,
    published: item.pubDate.to_i,
    author: item.dc_creator,
    categories: item.categories.map(&:content),
    media: [item.enclosure].compact.map { |each| { url: each.url, type: each.type, length: each.length } },
    content: item.content_encoded || item.description,
    source: item.source.content,
  }
end

def json(item)
  {
    id: item.fetch("id"),
    title: item.fetch("title"),
    link: item.fetch("url"),
    published: Time.iso8601(item.fetch("date_published")).to_i,
    updated: Time.iso8601(item.fetch("date_modified")).to_i,
    author: item.fetch("authors").map { |each| each.fetch("name") }.join(", "),
    categories: item.fetch("tags", []),
    media: [
      *item.fetch("attachments", []).map { |each| { url: each.fetch("url"), type: each.fetch("mime_type") } },
      *[item["image"]].compact.map { |url| { url: url } },
    ],
    content: item["content_html"] || item.fetch("content_text"),
    source: item.fetch("_tributary").fetch("source").fetch("title"),
  }
end

def read(body)
  if body.start_with?("{")
    feed = JSON.parse(body)
    return { title: feed.fetch("title"), entries: feed.fetch("items").map { |item| json(item) } }
  end
  feed = RSS::Parser.parse(body, true) # validating
  if feed.feed_type == "atom"
    { title: text(feed.title), entries: feed.entries.map { |entry| atom(entry) } }
  else
    { title: feed.channel.title, entries: feed.items.map { |item| rss(item) } }
  end
end

ARGV.each do |address|
  body = Net::HTTP.get_response(URI(address)).tap(&:value).body.force_encoding("UTF-8")
  puts JSON.generate(read(body))
end
