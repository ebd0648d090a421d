/** What the lease file holds: each row takes it from one version to the next. One that was released is never changed. */
export const migrations = [
  `CREATE TABLE binding (
     lan INTEGER NOT NULL, -- number of the further LAN, -1 for the first
     duid TEXT NOT NULL,
     ia TEXT NOT NULL,
     iaid INTEGER NOT NULL,
     clone TEXT NOT NULL, -- MAC of a copied host; empty for the first holder of the key
     host INTEGER NOT NULL, -- offset of the address in the LAN's prefix
     mac TEXT,
     hostname TEXT,
     state TEXT NOT NULL,
     granted_at INTEGER NOT NULL, -- milliseconds since 1970, as all instants
     preferred_until INTEGER NOT NULL,
     valid_until INTEGER NOT NULL,
     PRIMARY KEY (lan, duid, ia, iaid, clone)
   ) STRICT, WITHOUT ROWID;
   CREATE UNIQUE INDEX binding_host ON binding (lan, host);
   CREATE TABLE quarantine (
     lan INTEGER NOT NULL,
     host INTEGER NOT NULL,
     duid TEXT NOT NULL,
     iaid INTEGER NOT NULL,
     mac TEXT,
     until INTEGER NOT NULL,
     PRIMARY KEY (lan, host)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE heartbeat (id INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT;`,
  // host is the offset in the site's prefix where length is not null: a delegated prefix.
  `ALTER TABLE binding ADD COLUMN length INTEGER;
   ALTER TABLE binding ADD COLUMN via TEXT;`,
  // One tree, in the order of slots: leases that come one after the other lie on one page, which is synced once. Who has what
  // is watched over in memory.
  `CREATE TABLE lease (
     slot INTEGER PRIMARY KEY,
     lan INTEGER NOT NULL, -- number of the further LAN, -1 for the first
     duid BLOB NOT NULL,
     ia TEXT NOT NULL,
     iaid INTEGER NOT NULL,
     clone INTEGER, -- MAC of a copied host; null for the first holder of the key
     host INTEGER NOT NULL, -- offset of the address in the LAN's prefix; of a delegated prefix in the site's
     mac INTEGER,
     hostname TEXT,
     state TEXT NOT NULL,
     granted_at INTEGER NOT NULL, -- milliseconds since 1970 less the shift of the clock, as all instants here
     preferred_until INTEGER NOT NULL,
     valid_until INTEGER NOT NULL,
     length INTEGER, -- of a delegated prefix
     via TEXT
   ) STRICT;
   INSERT INTO lease SELECT row_number() OVER (ORDER BY granted_at) - 1, lan, unhex(duid, ':'), ia, iaid,
     mac_number(nullif(clone, '')), host, mac_number(mac), hostname, state,
     granted_at, preferred_until, valid_until, length, via FROM binding;
   DROP TABLE binding;
   CREATE TABLE clock (id INTEGER PRIMARY KEY, shift INTEGER NOT NULL) STRICT;`,
  // Of an address that its host registered; null of one that was declined.
  'ALTER TABLE quarantine ADD COLUMN registered_at INTEGER;',
]
