-- Return a row of an old table, as the view of its name shows it.

return (select row(v.*)::{type} from {view} as v where {where} limit 1);
