-- The uuid of a user whom the application knows by an id of any kind.
--
-- It reads no table, so that it can be used in an index, and so that every language can compute the
-- same: the first 16 bytes of sha256 over pgcredits: and the id in UTF-8, as a uuid of version 8.
--
-- Errors: PT422 invalid_argument.

create or replace function credits.user_id(
    p_external_id text
)
returns uuid
language plpgsql
immutable
strict
parallel safe
security definer
set search_path = pg_catalog, pg_temp
as $user_id$
declare
    v_is_uuid constant boolean := credits_internal.is_canonical_uuid(p_external_id);
    v_fault text;
    v_hash bytea;
begin
    -- The usual id has nothing but visible ASCII characters, and needs no closer look.
    if v_is_uuid or p_external_id ~ '[^!-~]' or length(p_external_id) not between 1 and 200 then
        v_fault := credits_internal.external_id_fault(p_external_id);
    end if;

    if v_fault is not null then
        perform credits_internal.refuse_argument(
            'p_external_id',
            p_external_id,
            v_fault,
            'Pass the user''s id exactly as the application keeps it: 1 to 200 characters, in NFC, '
            'without control characters, and without white space at the ends.'
        );
    end if;

    -- A uuid stands for itself.
    if v_is_uuid then
        return p_external_id::uuid;
    end if;

    v_hash := substr(sha256(convert_to('pgcredits:' || p_external_id, 'UTF8')), 1, 16);
    -- Version 8, and the variant of RFC 9562.
    v_hash := set_byte(v_hash, 6, 128 | (get_byte(v_hash, 6) & 15));
    v_hash := set_byte(v_hash, 8, 128 | (get_byte(v_hash, 8) & 63));

    return encode(v_hash, 'hex')::uuid;
end
$user_id$;

comment on function credits.user_id is
'The uuid under which pgcredits knows a user, from the id that the application has for them: a '
'text, or a number as text. A uuid of 36 characters stands for itself, whatever its case; any '
'other text gives a uuid of version 8, a hash that every language can compute. Case counts. '
'Immutable, so that it can be used in an index; null gives null. Errors: PT422 invalid_argument '
'(empty, longer than 200 characters, white space at an end, control characters, not in Unicode''s '
'form NFC, or a uuid of version 8, which would be somebody''s hash).';

revoke all on function credits.user_id from public;
grant execute on function credits.user_id to credits_app;
