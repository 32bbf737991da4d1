import {
  ApplicationRef,
  Component,
  importProvidersFrom,
  inject,
  NgZone,
  provideZoneChangeDetection,
  signal,
} from "@angular/core";
import { bootstrapApplication } from "@angular/platform-browser";
import { CubeClient, CubeClientModule } from "@cubejs-client/ngx";
import { CubeTokenManager } from "cube-token-manager";
import { createCubeApi } from "cube-token-manager/cube";

const tokens = new CubeTokenManager({ endpoint: "/token" });
const outside = { zone: undefined as NgZone | undefined };
/** The manager's timers start where `getToken()` is called: outside Angular's zone, they do not keep the page unstable. */
const provider = {
  ...tokens,
  getToken: (options?: Parameters<typeof tokens.getToken>[0]) =>
    outside.zone!.runOutsideAngular(() => tokens.getToken(options)),
};

@Component({ selector: "app-root", template: "<p>count: {{ count() }}{{ stable() }}</p>" })
class App {
  readonly count = signal("none");
  readonly stable = signal("");

  constructor() {
    outside.zone = inject(NgZone);
    const { isStable } = inject(ApplicationRef);
    inject(CubeClient)
      .load({ measures: ["Things.count"] })
      .subscribe((resultSet) => {
        const rowsAt = performance.now();
        this.count.set(String(resultSet.rawData()[0]?.["Things.count"]));
        isStable.subscribe((is) => {
          if (is) this.stable.set(`, stable after ${Math.round(performance.now() - rowsAt)} ms`);
        });
      });
  }
}

const { transport } = createCubeApi(provider, { apiUrl: "/cubejs-api/v1" }) as unknown as {
  transport: object;
};

bootstrapApplication(App, {
  providers: [
    provideZoneChangeDetection(),
    importProvidersFrom(
      CubeClientModule.forRoot({ token: "", options: { apiUrl: "/cubejs-api/v1", transport } }),
    ),
  ],
});
