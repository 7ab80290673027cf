void f(int n, int mode, float *x) {
  for (int i = 0; i < n; i++)
    switch (mode) {
    case 0:
      x[i] += 0;
    case 1:
      x[i] += 1;
    case 2:
      x[i] += 2;
    case 3:
      x[i] += 3;
    case 4:
      x[i] += 4;
    case 5:
      x[i] += 5;
    case 6:
      x[i] += 6;
    case 7:
      x[i] += 7;
    case 8:
      x[i] += 8;
    case 9:
      x[i] += 9;
    case 10:
      x[i] += 10;
    case 11:
      x[i] += 11;
    case 12:
      x[i] += 12;
    case 13:
      x[i] += 13;
    case 14:
      x[i] += 14;
    case 15:
      x[i] += 15;
    case 16:
      x[i] += 16;
    case 17:
      x[i] += 17;
    case 18:
      x[i] += 18;
    case 19:
      x[i] += 19;
    case 20:
      x[i] += 20;
    case 21:
      x[i] += 21;
    case 22:
      x[i] += 22;
    case 23:
      x[i] += 23;
    case 24:
      x[i] += 24;
    case 25:
      x[i] += 25;
    case 26:
      x[i] += 26;
    case 27:
      x[i] += 27;
    case 28:
      x[i] += 28;
    case 29:
      x[i] += 29;
    case 30:
      x[i] += 30;
    case 31:
      x[i] += 31;
    case 32:
      x[i] += 32;
    case 33:
      x[i] += 33;
    case 34:
      x[i] += 34;
    case 35:
      x[i] += 35;
    case 36:
      x[i] += 36;
    case 37:
      x[i] += 37;
    case 38:
      x[i] += 38;
    case 39:
      x[i] += 39;
    case 40:
      x[i] += 40;
    case 41:
      x[i] += 41;
    case 42:
      x[i] += 42;
    case 43:
      x[i] += 43;
    case 44:
      x[i] += 44;
    case 45:
      x[i] += 45;
    case 46:
      x[i] += 46;
    case 47:
      x[i] += 47;
    case 48:
      x[i] += 48;
    case 49:
      x[i] += 49;
    case 50:
      x[i] += 50;
    case 51:
      x[i] += 51;
    case 52:
      x[i] += 52;
    case 53:
      x[i] += 53;
    case 54:
      x[i] += 54;
    case 55:
      x[i] += 55;
    case 56:
      x[i] += 56;
    case 57:
      x[i] += 57;
    case 58:
      x[i] += 58;
    case 59:
      x[i] += 59;
    case 60:
      x[i] += 60;
    case 61:
      x[i] += 61;
    case 62:
      x[i] += 62;
    case 63:
      x[i] += 63;
    case 64:
      x[i] += 64;
    case 65:
      x[i] += 65;
    case 66:
      x[i] += 66;
    case 67:
      x[i] += 67;
    case 68:
      x[i] += 68;
    case 69:
      x[i] += 69;
    }
}
