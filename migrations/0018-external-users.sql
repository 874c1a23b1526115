-- Owners of balances whose ids are texts or numbers, and a refusal where one was never registered.

create table credits.external_users (
    user_id uuid not null,
    created_at timestamptz not null,
    external_id text not null,
    constraint external_users_pkey primary key (user_id),
    constraint external_users_external_id_within_200_characters check (
        length(external_id) between 1 and 200
    )
);

-- Views are filtered by it. Not unique: a unique index would have to be spread by user_id, too.
create index external_users_external_id on credits.external_users (external_id);

comment on table credits.external_users is
'How the application names its users, where that was registered by register_user or brought along '
'by an adoption.';
comment on column credits.external_users.user_id is
'The user, as everything else names them.';
comment on column credits.external_users.created_at is
'When the user was registered.';
comment on column credits.external_users.external_id is
'The id of the user in the application, as it was first registered.';

alter table credits.settings
add column require_registered_users boolean not null default false;

comment on column credits.settings.require_registered_users is
'Whether a call that would make a row for a user who is not in external_users is refused with '
'PT404 user_not_found, so that a call site that passes a wrong id fails loudly.';
