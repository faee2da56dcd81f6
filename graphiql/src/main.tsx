import './workers';
import 'graphiql/style.css';
import './style.css';

import { createRoot } from 'react-dom/client';

import { App } from './app';

const root = document.getElementById('graphiql')!;

createRoot(root).render(<App email={root.dataset.email!} password={root.dataset.password!} />);
