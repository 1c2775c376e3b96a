import { render } from 'preact';
import { App } from './app';
import { followLinks } from './place';
import { match } from './routes';
import { loadSession } from './session';
import './styles/tokens.css';
import './styles/base.css';
import './styles/frame.css';
import './styles/pages.css';
import './styles/builds.css';
import './styles/runners.css';
import './styles/forms.css';
import './styles/grid.css';
import './styles/log.css';

followLinks((path) => match(path) !== null);
loadSession();
const root = document.getElementById('app');
if (root) render(<App />, root);
