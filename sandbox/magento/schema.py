"""The shop's tables: a document holds what the API shows, other columns are what SQL needs."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS products (
    entity_id INTEGER PRIMARY KEY, sku TEXT NOT NULL UNIQUE COLLATE NOCASE, doc TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS source_items (
    source_item_id INTEGER PRIMARY KEY, sku TEXT NOT NULL COLLATE NOCASE,
    source_code TEXT NOT NULL, quantity REAL NOT NULL, status INTEGER NOT NULL,
    UNIQUE (sku, source_code));
CREATE TABLE IF NOT EXISTS reservations (
    reservation_id INTEGER PRIMARY KEY, stock_id INTEGER NOT NULL,
    sku TEXT NOT NULL COLLATE NOCASE, quantity REAL NOT NULL, event TEXT NOT NULL,
    increment_id TEXT);
CREATE INDEX IF NOT EXISTS reservations_sku ON reservations (sku);
CREATE TABLE IF NOT EXISTS sources (
    source_code TEXT PRIMARY KEY, enabled INTEGER NOT NULL, doc TEXT NOT NULL);
INSERT OR IGNORE INTO sources VALUES ('default', 1, '{"name": "Default Source"}');
CREATE TABLE IF NOT EXISTS stocks (stock_id INTEGER PRIMARY KEY, name TEXT NOT NULL, website TEXT);
INSERT OR IGNORE INTO stocks VALUES (1, 'Default Stock', 'base');
CREATE TABLE IF NOT EXISTS stock_source_links (
    stock_id INTEGER NOT NULL, source_code TEXT NOT NULL, priority INTEGER NOT NULL,
    PRIMARY KEY (stock_id, source_code));
INSERT OR IGNORE INTO stock_source_links VALUES (1, 'default', 1);
CREATE TABLE IF NOT EXISTS customers (
    entity_id INTEGER PRIMARY KEY, website_id INTEGER NOT NULL,
    email TEXT NOT NULL COLLATE NOCASE, doc TEXT NOT NULL, UNIQUE (email, website_id));
CREATE TABLE IF NOT EXISTS orders (
    entity_id INTEGER PRIMARY KEY, increment_id TEXT COLLATE NOCASE, store_id INTEGER,
    doc TEXT NOT NULL, UNIQUE (increment_id, store_id));
CREATE INDEX IF NOT EXISTS orders_ext ON orders
    (json_extract(doc, '$.row.ext_order_id') COLLATE NOCASE);
CREATE INDEX IF NOT EXISTS orders_increment ON orders
    (json_extract(doc, '$.row.increment_id') COLLATE NOCASE);
CREATE TABLE IF NOT EXISTS invoices (
    entity_id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, doc TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS invoices_order ON invoices (order_id);
CREATE TABLE IF NOT EXISTS shipments (
    entity_id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, doc TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS shipments_order ON shipments (order_id);
CREATE TABLE IF NOT EXISTS creditmemos (
    entity_id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, doc TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS bulks (
    bulk_uuid TEXT PRIMARY KEY, topic TEXT NOT NULL, start_time TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS operations (
    bulk_uuid TEXT NOT NULL, id INTEGER NOT NULL, data TEXT, status INTEGER NOT NULL,
    message TEXT, code INTEGER, result TEXT, PRIMARY KEY (bulk_uuid, id));
CREATE TABLE IF NOT EXISTS mails (
    mail_id INTEGER PRIMARY KEY, kind TEXT NOT NULL, to_customer_id INTEGER);
CREATE TABLE IF NOT EXISTS nonces (nonce TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS clock (id INTEGER PRIMARY KEY, offset_s REAL NOT NULL);
CREATE TABLE IF NOT EXISTS config (path TEXT PRIMARY KEY, value TEXT NOT NULL)
"""
