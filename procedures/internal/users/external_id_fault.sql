-- What is wrong with an id that the application has for a user.
--
-- Two texts that look alike must not be two users, and nobody whose id is a text of their own
-- choice may choose a text that stands for somebody else: a uuid of version 8 could be their hash.

create or replace function credits_internal.external_id_fault(
    p_external_id text
)
returns text
language plpgsql
immutable
strict
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $external_id_fault$
begin
    return case
        when p_external_id = ''
            then 'is empty'
        when length(p_external_id) > 200
            then format('has %s characters', length(p_external_id))
        when p_external_id <> credits_internal.trimmed(p_external_id)
            then 'has white space at an end'
        -- Bytes of UTF-8, since other encodings have other characters there: 00 to 1f, 7f, and
        -- c280 to c29f.
        when encode(convert_to(p_external_id, 'UTF8'), 'hex') ~ '^(..)*([01].|7f|c2[89].)'
            then 'has control characters'
        -- PostgreSQL knows the form in UTF-8 only.
        when getdatabaseencoding() = 'UTF8' and p_external_id is not nfc normalized
            then 'is not in Unicode''s form NFC'
        when credits_internal.is_canonical_uuid(p_external_id)
            and p_external_id ~ '^.{14}8.{4}[89ABab]'
            then 'is a uuid of version 8, which may be the hash of somebody else''s id'
    end;
end
$external_id_fault$;

comment on function credits_internal.external_id_fault is
'Why user_id refuses this id, as the end of a sentence; null = it does not.';

revoke all on function credits_internal.external_id_fault from public;
