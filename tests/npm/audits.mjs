// What the audits of graphql-http find; prints one JSON list.
// node audits.mjs <HTTP address>
import { auditServer } from 'graphql-http';

const results = await auditServer({ url: process.argv[2] });
console.log(JSON.stringify(results.map(({ id, name, status, reason }) => ({ id, name, status, reason }))));
