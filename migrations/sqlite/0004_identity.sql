-- Every slice moves `last_ns` of each station's addresses, and the index by it moved with each of them: it was a tenth of the work of
-- storing. Who asks for the addresses of sensors finds them by the first column of the key, and retention looks through all once a
-- minute.
drop index identity_last;
