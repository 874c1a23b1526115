-- Who wrote by old names is forgotten.

drop type credits_internal.legacy_bucket;

drop table credits.legacy_writes;
